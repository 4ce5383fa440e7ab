"""What needs scikit-learn: pipelines, fits, searches, the compiled model's making."""
