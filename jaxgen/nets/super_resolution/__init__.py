"""Networks that enlarge images. Role: `Upscaler`."""
