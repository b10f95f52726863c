"""From a picture file to the 28×28 that the network sees, one purpose a module.

`digit` is the whole way for one digit, and `page` for many. `decoding` reads the file, and `dither`
brings back greys. `ground`, `ink`, `ruling` and `forms` separate what is written from what it is
written on. `parts` chooses what belongs to the digit, `touching` takes digits apart, `edges` and
`not_a_digit` refuse what is none. `stroke_width` widens thin strokes, and `fitting` makes MNIST's
frame. `morphology`, `labelling`, `boxes` and `resizing` are their tools.
"""
