# SPDX-License-Identifier: MIT
"""The list of tests in QEMU. A test is a function of a Guest; it returns nothing, or (passed, failed,
detail) if it counts cases of its own, and raises Failure if it did not prove what its text says."""

QEMU_TESTS = []
STRESS_TESTS = []
FAULT_TESTS = []
SILENT_TESTS = []
DEBIAN_TESTS = []


def _register(tests, name, proves):
    def decorate(function):
        tests.append((name, proves, function))
        return function
    return decorate


def qemu_test(name, proves):
    """Decorator: a test of `make test-qemu`; proves says what holds if it passes."""
    return _register(QEMU_TESTS, name, proves)


def stress_test(name, proves):
    """Decorator: a test of `make stress`."""
    return _register(STRESS_TESTS, name, proves)


def fault_test(name, proves):
    """Decorator: a test of `make faults-boot`."""
    return _register(FAULT_TESTS, name, proves)


def debian_test(name, proves):
    """Decorator: a test of `make test-debian`."""
    return _register(DEBIAN_TESTS, name, proves)


def silent_test(name, proves):
    """Decorator: a test of `make test-silent`."""
    return _register(SILENT_TESTS, name, proves)
