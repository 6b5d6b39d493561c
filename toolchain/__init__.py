"""Sinter's compiler: ONNX and TFLite models in, verified plans for small machines out."""
