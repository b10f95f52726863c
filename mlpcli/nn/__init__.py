"""The mathematics of a multilayer perceptron: NumPy only, no files, no printing.

Read in this order: `activations`, `initializers`, `losses`, `layers`, `network`, `optimizers`,
`schedules`, `gradcheck`. The letters are the textbook's: x input, y label, z = aW + b before and
a = σ(z) after the activation, delta = dL/dz, theta all parameters, grad their gradient. A row of an
array is one example; B is the number of examples in a batch.
"""
