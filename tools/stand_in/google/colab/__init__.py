"""A stand-in for Colab's own module, for tools/colab_stand_in.py. It plays a person who agrees to everything."""
