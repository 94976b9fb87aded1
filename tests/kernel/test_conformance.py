"""The conformance tests of the Jupyter project, with Rust samples."""
import unittest
import jupyter_kernel_test
import zmq
from client import Kernel


class Conformance(jupyter_kernel_test.KernelTests):
    kernel_name = "rask"
    language_name = "rust"
    file_extension = ".rs"
    code_hello_world = 'println!("hello, world");'
    code_stderr = 'eprintln!("to stderr");'
    code_execute_result = [{"code": "1 + 2", "result": "3"}]
    code_display_data = [{"code": "display(&delayed(|x: u64| x + 1).call((1,)).visualize());", "mime": "image/svg+xml"}]
    completion_samples = [{"text": "unsaf", "matches": {"unsafe"}}, {"text": "%%sq", "matches": {"%%sql"}}]
    code_inspect_sample = "Vec::push"
    code_clear_output = "clear_output(false);"
    code_history_pattern = "1 ? 2*"
    supported_history_operations = ("tail", "range", "search")
    code_generate_error = 'let wrong: i32 = "text";'
    complete_code_samples = ["1 + 1", "fn f() {}", "let x = 1;"]
    incomplete_code_samples = ["fn f() {", "let x = (1,", 'let s = "open']
    invalid_code_samples = ["}", "(]"]


class Welcome(unittest.TestCase):
    def test_every_new_subscriber_is_greeted(self):
        with Kernel() as k:
            for _ in range(2):
                iopub = k.client.context.socket(zmq.SUB)
                iopub.linger = 0
                iopub.connect(f"tcp://127.0.0.1:{k.manager.iopub_port}")
                iopub.subscribe(b"")
                self.assertTrue(iopub.poll(5000), "no greeting")
                _, message = k.client.session.feed_identities(iopub.recv_multipart())
                self.assertEqual(k.client.session.deserialize(message)["msg_type"], "iopub_welcome")
                iopub.close()


if __name__ == "__main__":
    unittest.main()
