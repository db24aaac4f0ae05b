"""Collectives read off a program's text: written by hand, and compiled for four CPU devices."""

import jax
import pytest

from jaxgen import parallel
from jaxgen.plan import hlo, memory, subject, worker

TEXT = """\
HloModule jit_f, num_partitions=8

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

%all-reduce-scatter.1 (p: f32[64]) -> f32[8] {
  %p = f32[64]{0} parameter(0)
  %all-reduce.9 = f32[64]{0} all-reduce(%p), replica_groups={{0,1,2,3,4,5,6,7}}, to_apply=%add
  ROOT %slice.1 = f32[8]{0} dynamic-slice(%all-reduce.9, %i), dynamic_slice_sizes={8}
}

%body.2 (state: (s32[], f32[16])) -> (s32[], f32[16]) {
  %state = (s32[], f32[16]{0}) parameter(0)
  %all-gather.1 = bf16[128]{0} all-gather(%x), replica_groups=[2,4]<=[8], dimensions={0}
  ROOT %tuple = (s32[], f32[16]{0}) tuple(%n, %y)
}

%cond.2 (state.1: (s32[], f32[16])) -> pred[] {
  %state.1 = (s32[], f32[16]{0}) parameter(0)
  ROOT %less = pred[] compare(%n, %m), direction=LT
}

ENTRY %main.4 (x.1: f32[16]) -> f32[16] {
  %x.1 = f32[16]{0} parameter(0)
  %while.1 = (s32[], f32[16]) while(%t), condition=%cond.2, body=%body.2, backend_config={"known_trip_count":{"n":"7"}}
  %fusion.1 = f32[8]{0} fusion(%big), kind=kCustom, calls=%all-reduce-scatter.1
  %start = f32[32]{0} all-reduce-start(%g), replica_groups={{0,1},{2,3},{4,5},{6,7}}, to_apply=%add
  %done = f32[32]{0} all-reduce-done(%start)
  %gather-start = (f32[4]{0}, f32[8]{0}) all-gather-start(%h), replica_groups={{0,1},{2,3},{4,5},{6,7}}, dimensions={0}
  ROOT %permute = f32[16]{0} collective-permute(%x.1), source_target_pairs={{0,1},{1,0}}
}
"""


def test_what_a_program_sends_by_hand():
    found = {(one.kind, one.group): one for one in hlo.collectives(TEXT, 8)}
    assert {key: (one.bytes, one.turns) for key, one in found.items()} == {
        ("all-gather", 4): (256, 7),
        ("reduce-scatter", 8): (32, 1),
        ("all-reduce", 2): (128, 1),
        ("all-gather", 2): (32, 1),
        ("collective-permute", 8): (64, 1),
    }
    assert found["all-gather", 4].sent == 7 * 256 * 3 / 4
    assert found["reduce-scatter", 8].sent == 256 * 7 / 8
    assert found["all-reduce", 2].sent == 128
    assert found["collective-permute", 8].sent == 64


def test_a_loop_without_annotation_turns_as_far_as_its_condition_compares():
    plain = TEXT.replace(', backend_config={"known_trip_count":{"n":"7"}}', "")
    assert plain != TEXT
    limited = plain.replace("  %state.1 =", "  %m = s32[]{:T(128)} constant(28)\n  %state.1 =")
    gathers = [one for one in hlo.collectives(limited, 8) if one.group == 4]
    assert [one.turns for one in gathers] == [28]
    fused = plain.replace("compare(%n, %m), direction=LT", "fusion(%n), kind=kLoop, calls=%less.5")
    fused = fused.replace("ENTRY", "%less.5 (n: s32[]) -> pred[] {\n  %k = s32[] constant(5)\n}\n\nENTRY")
    assert [one.turns for one in hlo.collectives(fused, 8) if one.group == 4] == [5]
    assert [one.turns for one in hlo.collectives(plain, 8) if one.group == 4] == [1]


@pytest.mark.parametrize(
    ("groups", "size"),
    [
        ("{{0,1},{2,3}}", 2),
        ("[4,2]<=[8]", 2),
        ("mesh['a'=2,'b'=1,'c'=4] {'c'}", 4),
        ("mesh['a'=2,'b'=4], device_ids=([2,4]T(1,0)) {'a','b'}", 8),
        ("mesh['a'=8] {'a':(2)4}", 4),
        ("{}", 8),
    ],
)
def test_groups_as_compilers_write_them(groups, size):
    line = f"  %r = f32[4]{{0}} all-reduce(%x), channel_id=1, replica_groups={groups}, to_apply=%add"
    (one,) = hlo.collectives(f"ENTRY %main (x: f32[4]) -> f32[4] {{\n{line}\n}}\n", 8)
    assert one.group == size


def test_a_collective_beside_several_fusions_counts_once():
    gather = "all-gather(%p), channel_id={}, replica_groups=[2,4]<=[8], dimensions={{0}}"
    parts = [
        f"%part.{i} (p: f32[2]) -> f32[8] {{\n  %g = f32[8]{{0}} {gather.format(c)}\n}}\n" for i, c in enumerate("557")
    ]
    calls = "\n".join(f"  %f.{i} = f32[8]{{0}} fusion(%x), kind=kCustom, calls=%part.{i}" for i in range(3))
    text = "\n".join(parts) + f"\nENTRY %main (x: f32[2]) -> f32[8] {{\n{calls}\n}}\n"
    assert [one.bytes for one in hlo.collectives(text, 8)] == [32, 32]


@pytest.mark.parametrize(
    ("text", "bytes"), [("f32[]", 4), ("(bf16[2,3]{1,0}, s32[5])", 32), ("pred[7]", 7), ("f8e4m3fn[3]", 3), ("()", 0)]
)
def test_sizes_of_types(text, bytes):
    assert hlo.size(text) == bytes


def test_a_data_parallel_step_sends_what_it_must():
    """Gradients are reduced once, and hardly anything else is sent."""
    config, info, leaves = subject.read("diffusion/edm_digits:smoke", [])
    chosen = subject.subject(config, info, leaves)
    mesh = parallel.make_mesh(devices=jax.devices()[:4])
    facts = worker.facts(worker.lower_step(chosen, mesh).compile(), 4)
    state, _ = subject.placed(chosen, mesh)
    least = sum(memory.least_traffic(state.params, 4).values())
    assert least <= facts["bytes_sent"] <= 1.05 * least + 1024
    assert facts["temporary_bytes"] > 0
