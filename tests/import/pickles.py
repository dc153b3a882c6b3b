"""A session serializer that Django had until release 5.0."""

import pickle


class PickleSerializer:
    def dumps(self, value):
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

    def loads(self, data):
        return pickle.loads(data)
