"""The steps from grey values to an image as MNIST has it, one purpose a module.

`ground` and `ink` separate what is written from its ground, `parts` chooses what belongs
to the digit, `strokes` widens thin ones, `fitting` makes MNIST's frame, and `page` reads pages;
`morphology`, `labelling`, `boxes` and `resizing` are their tools.
"""
