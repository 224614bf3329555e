"""What the verbs of the Makefile and CI run beside the product."""
