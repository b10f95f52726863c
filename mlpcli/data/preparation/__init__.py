"""The steps from grey values to an image as MNIST has it, one purpose a module.

`dither` brings back greys, `ground`, `ink` and `ruling` separate what is written from what it is
written on, `parts` chooses what belongs to the digit, `edges` and `shape` refuse what is none,
`strokes` widens thin ones, and `fitting` makes MNIST's frame. `page` finds many, and `touching`
takes them apart. `morphology`, `labelling`, `boxes` and `resizing` are their tools.
"""
