"""The whole thing in one process: an embedded Kafka, a simulated call centre, a worker, a notifier, a screen."""
