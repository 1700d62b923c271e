"""Networks of students and of the ImageNet teacher, as plain PyTorch modules.

``registry`` names them and needs no torch; the other modules do.
"""
