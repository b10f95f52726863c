"""The mathematics of a multilayer perceptron: NumPy only, no files, no printing.

Read in this order: `arrays`, `activations`, `initializers`, `losses`, `layers`, `network`,
`optimizers`, `stepping`, `constraints`, `averaging`, `schedules`, `gradcheck`.

The letters are the textbook's: x input, t target, z = aW + b before and a = σ(z) after the
activation, p what a loss makes of the output, delta = dL/dz, theta all parameters, grad their
gradient. A row of an array is one example, counted by n; i counts the units in front of a layer, j
its own; B is the number of examples in a batch. `symbols` lists the letters for all who write them.
"""
