"""The conformance tests of the Jupyter project, with samples in Rust."""
import unittest
import jupyter_kernel_test


class Conformance(jupyter_kernel_test.KernelTests):
    kernel_name = "rask"
    language_name = "rust"
    file_extension = ".rs"
    code_hello_world = 'println!("hello, world");'
    code_stderr = 'eprintln!("to stderr");'
    code_execute_result = [{"code": "1 + 2", "result": "3"}]
    code_display_data = [{"code": "display(&delayed(|x: u64| x + 1).call((1,)).visualize());", "mime": "image/svg+xml"}]
    code_generate_error = 'let wrong: i32 = "text";'
    complete_code_samples = ["1 + 1", "fn f() {}", "let x = 1;"]
    incomplete_code_samples = ["fn f() {", "let x = (1,", 'let s = "open']
    invalid_code_samples = ["}", "(]"]


class Welcome(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "rask"
    support_iopub_welcome = True


if __name__ == "__main__":
    unittest.main()
