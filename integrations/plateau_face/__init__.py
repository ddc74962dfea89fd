"""A face-recognition trainer for one GPU: data, model, margin, train, verify."""
