"""One HTML file in which a reader draws a digit, and a network answers, forward and back.

`page` puts a checkpoint's page together: `network` writes the network's numbers, `test_images`
chooses images to begin with, `small_networks` the networks that are drawn whole, and `pack` makes
one file of them and of `web/`. There, `mathematics/` computes what `nn/` and `reading/` compute
here, and knows nothing of the browser; `views/` draws it. `web/` is plain ES modules, which a
browser runs as they are.
"""
