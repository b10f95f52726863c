"""Networks in the formats of other programs: ONNX, which runs there, and NumPy's .npz."""
