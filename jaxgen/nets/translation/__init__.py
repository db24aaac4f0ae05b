"""Networks of image-to-image translation: translators and patch critics."""
