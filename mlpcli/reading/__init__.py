"""From an image file to the 28×28 pixels that the network sees, one purpose a module.

`digit` prepares an image of one digit, `page` finds what may be digits in an image of many, `lines`
orders it, and `parting` has a network judge what is one digit. `decoding` reads the file, `dither`
restores greys. `ground`, `ink`, `ruled_lines`, `grid` and `forms` separate what is written from the
paper. `parts` chooses the ink that belongs to the digit, `touching` finds where digits touch,
`edges` and `not_a_digit` refuse what is none. `stroke_width` widens thin strokes, `fitting` makes
MNIST's frame. `image_files` finds files, `annotating` draws answers. The rest are tools.
"""
