"""Execute a notebook and write the executed copy; exit 1 where a cell fails. Arguments: the notebook, the copy."""
import os, sys
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

source, copy = map(os.path.abspath, sys.argv[1:3])
notebook = nbformat.read(source, as_version=4)
cells = sum(c.cell_type == "code" for c in notebook.cells)
done = 0


def report(cell, cell_index, execute_reply):
    global done
    done += 1
    print(f"  cell {done} of {cells}: {execute_reply['content']['status']}", flush=True)


client = NotebookClient(notebook, timeout=None, kernel_name=notebook.metadata.get("kernelspec", {}).get("name", "rask"),
                        resources={"metadata": {"path": os.path.dirname(source)}}, on_cell_executed=report)
status = 0
try:
    client.execute()
except CellExecutionError as error:
    print(error, file=sys.stderr)
    status = 1
finally:
    nbformat.write(notebook, copy)
sys.exit(status)
