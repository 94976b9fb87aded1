"""Runs the tests of the installed kernel: all in `kernel/` and `browser/`, or those whose names contain a word given as argument.

Prints a line with the time of each test, and `N passed, N failed` at the end; exits with 1 if a test fails.
"""
import os, sys, time, unittest

here = os.path.dirname(os.path.abspath(__file__))


class Lines(unittest.TestResult):
    """Prints a line for each test when it ends."""
    passed = 0

    def startTest(self, test):
        super().startTest(test)
        self.began = time.time()

    def say(self, word, test, error=None):
        print(f"{word:5} {test.id()} {time.time() - self.began:.1f}s", flush=True)
        if error:
            text = self._exc_info_to_string(error, test)
            print(text if len(text) < 4000 else text[:2500] + "\n[...]\n" + text[-1500:], flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self.say("ok", test)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.say("FAIL", test, error)

    def addError(self, test, error):
        super().addError(test, error)
        self.say("FAIL", test, error)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error:
            self.say("FAIL", subtest, error)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        # jupyter_kernel_test skips its tests without a sample; no others may be skipped.
        self.say(f"skip ({reason})", test)


def pick(suite, words):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from pick(item, words)
        elif not words or any(w in item.id() for w in words):
            yield item


result = Lines()
loader = unittest.TestLoader()
for folder in ("kernel", "browser"):
    path = os.path.join(here, folder)
    sys.path.insert(0, path)
    found = loader.loadTestsFromNames(sorted(f[:-3] for f in os.listdir(path) if f.startswith("test_")))
    unittest.TestSuite(pick(found, sys.argv[1:])).run(result)
failed = len(result.failures) + len(result.errors) + len(loader.errors)
for error in loader.errors:
    print(error)
print(f"{result.passed} passed, {failed} failed")
sys.exit(1 if failed or not result.passed else 0)
