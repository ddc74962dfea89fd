"""The command line ``plateau-face``: train, verify, compare, embed, match, align and more."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plateau.commands.ending import exit_code, standard_streams
from plateau.commands.messages import reason
from plateau.commands.once import Command
from plateau.showing.printing import printable

if TYPE_CHECKING:
    from plateau_face.verify import Floats

app = typer.Typer(
    help="Train face recognition on one device, and measure it.",
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Run = Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)]
Net = Annotated[
    Path,
    typer.Argument(
        metavar="NETWORK", help="Folder of a run, .onnx file or .pth file.", show_default=False
    ),
]
PointsFile = Annotated[
    Path | None,
    typer.Option("--points", help="File with five points of each face.", show_default=False),
]
Plot = Annotated[Path | None, typer.Option(help="Draw it too: .png or .svg.", show_default=False)]
Source = Annotated[
    Path, typer.Argument(help="Folder of identities, .rec file or packed file.", show_default=False)
]


def option(text: str, *names: str) -> Any:
    """Return an option without a shown default: defaults are those of the configuration."""
    return typer.Option(*names, help=text, show_default=False)


@app.command(cls=Command)
def train(
    out: Annotated[Path, option("Folder of the run.", "--out")],
    resume: Annotated[bool, option("Go on with the run in that folder.", "--resume")] = False,
    extend: Annotated[
        int | None, option("Epochs to add to a run that is finished, with --resume.", "--extend")
    ] = None,
    config: Annotated[Path | None, option("TOML file with a configuration.", "--config")] = None,
    data: Annotated[
        list[str] | None, option("Folder, .rec file or packed file; several times.", "--data")
    ] = None,
    synthetic: Annotated[bool | None, option("Draw faces instead.", "--synthetic")] = None,
    val: Annotated[list[str] | None, option("Verification set; several times.", "--val")] = None,
    model: Annotated[str | None, option("Network.", "--model")] = None,
    margin: Annotated[str | None, option("Margin of the head.", "--margin")] = None,
    schedule: Annotated[str | None, option("Learning-rate schedule.", "--schedule")] = None,
    epochs: Annotated[int | None, option("Passes over the data.", "--epochs")] = None,
    batch: Annotated[int | None, option("Images of a step.", "--batch")] = None,
    lr: Annotated[float | None, option("Learning rate at the start.", "--lr")] = None,
    seed: Annotated[int | None, option("Of all that is random.", "--seed")] = None,
    overrides: Annotated[
        list[str] | None, option("name=value of the configuration; several times.", "--set")
    ] = None,
) -> None:
    """Train a network; a run that was stopped goes on with --resume."""
    from plateau.checks import whole
    from plateau.watching.lock import Lock
    from plateau_face import train as training
    from plateau_face.checkpoint import CHECKPOINT
    from plateau_face.config import from_command_line, load_config
    from plateau_face.log import LOG
    from plateau_face.progress import Progress

    given = {
        "data": data, "synthetic": synthetic, "val": val, "model": model, "margin": margin,
        "schedule": schedule, "epochs": epochs, "batch": batch, "lr": lr, "seed": seed,
    }  # fmt: skip
    with clear_errors(), Progress() as progress, ExitStack() as held:
        if resume:
            if config:
                raise ValueError("--resume takes the configuration of the run, and no file")
            if out.is_dir():
                held.enter_context(Lock(out / CHECKPOINT))
            changes = from_command_line(overrides or (), given)
            more = 0 if extend is None else whole("extend", extend, least=1)
            trainer = training.resume(out, progress.report, changes, more)
        elif extend is not None:
            raise ValueError("--extend goes on with a run: it needs --resume")
        else:
            settings = load_config(config, overrides or (), given)
            out.mkdir(parents=True, exist_ok=True)
            held.enter_context(Lock(out / CHECKPOINT))
            trainer = training.start(settings, out, progress.report)
        progress.say(trainer.described())
        progress.start(trainer.step, trainer.end)
        trainer.run()
    typer.echo(f"log {out / LOG}, checkpoint {out / CHECKPOINT}")


@app.command(cls=Command)
def verify(
    run: Net,
    sets: Annotated[
        list[Path] | None,
        typer.Argument(help=".bin files and pair lists; by default the faces that the run drew."),
    ] = None,
    own_sets: Annotated[
        bool, option("Open the files that the run itself names.", "--own-sets")
    ] = False,
    folder: Annotated[Path, option("Where the files of the lists lie.", "--folder")] = Path(),
    ijb: Annotated[
        Path | None, option("Folder with the lists of IJB-B or IJB-C: its 1:1 protocol.", "--ijb")
    ] = None,
    plot: Plot = None,
) -> None:
    """Measure a network on verification sets."""
    from plateau_face.ijb import pooled, read_media, read_pairs, similarities, tars
    from plateau_face.networks import open_network
    from plateau_face.sources import open_pairs, sets_of_run
    from plateau_face.verify import roc
    from plateau_face.verify import verify as measure

    with clear_errors():
        check_picture(plot)
        model, size, threads, settings = open_network(run)
        if ijb is not None:
            media = read_media(ijb)
            compared = read_pairs(ijb, media)
            found_templates = pooled(model, media, folder, size, threads=threads)
            cosines = similarities(compared, *found_templates)
            for far, tar in tars(cosines, compared.same).items():
                typer.echo(f"TAR {tar.at_most:.4f} at FAR {far:g} (nearest: {tar.nearest:.4f})")
            draw({ijb.name: roc(cosines, compared.same)[1:]}, plot)
            return
        found = [open_pairs(path, folder) for path in sets or ()]
        if not found and settings is not None:
            found = sets_of_run(settings, run, trusted=own_sets)
        if not found:
            raise ValueError(f"{run} was trained without verification sets: name some")
        curves = {}
        for pairs in found:
            result = measure(model, pairs, size, threads=threads)
            rates = "".join(f", TAR {tar:.4f} at FAR {far:g}" for far, tar in result.tar.items())
            typer.echo(
                f"{printable(pairs.name)}: accuracy {100 * result.accuracy:.2f} % "
                f"(deviation over folds {100 * result.deviation:.2f}){rates}, "
                f"{len(pairs.same)} pairs"
            )
            curves[pairs.name] = result.curve
        draw(curves, plot)


@app.command(cls=Command)
def identify(
    network: Net,
    gallery: Annotated[
        Path | None, option("Folder with a folder of images for each person.", "--gallery")
    ] = None,
    probes: Annotated[
        Path | None, option("Another one: who of the gallery are these?", "--probes")
    ] = None,
    tiny: Annotated[
        Path | None, option("Test set of TinyFace, in their place.", "--tinyface")
    ] = None,
    ijb: Annotated[
        Path | None, option("Folder with the lists of IJB-B or IJB-C: its 1:N protocol.", "--ijb")
    ] = None,
    folder: Annotated[Path, option("Where the images of the lists lie.", "--folder")] = Path(),
) -> None:
    """Measure how well a network finds people in a gallery."""
    from plateau_face.identify import among, by_folder, tinyface
    from plateau_face.ijb import identified_by
    from plateau_face.networks import open_network

    with clear_errors():
        if [bool(gallery or probes), bool(tiny), bool(ijb)].count(True) != 1 or (
            bool(gallery) != bool(probes)
        ):
            raise ValueError("give --gallery with --probes, or --tinyface, or --ijb")
        model, size, threads, _ = open_network(network)
        if ijb is not None:
            found = identified_by(model, ijb, folder, size, threads=threads)
        elif tiny is not None:
            found = among(model, *tinyface(tiny), size, threads=threads)
        elif gallery and probes:
            found = among(model, by_folder(probes), by_folder(gallery), size, threads=threads)
    for rank, rate in found.rates.items():
        typer.echo(
            f"{rate:.4f} are among the first {rank}" if rank > 1 else f"{rate:.4f} come first"
        )
    for fpir, rate in found.tpir.items():
        typer.echo(f"TPIR {rate:.4f} at FPIR {fpir:g}")


@app.command(cls=Command)
def compare(
    experiment: Annotated[Path, typer.Argument(help="TOML file.", show_default=False)],
    out: Annotated[Path, option("Folder of the runs and the results.", "--out")],
    jobs: Annotated[int, typer.Option(help="Runs side by side.")] = 2,
    report_only: Annotated[
        bool, option("Train nothing: results of the runs that are finished.", "--report-only")
    ] = False,
    data: Annotated[
        list[str] | None, option("Folder, .rec file or packed file; several times.", "--data")
    ] = None,
    val: Annotated[list[str] | None, option("Verification set; several times.", "--val")] = None,
    overrides: Annotated[
        list[str] | None, option("name=value of the configuration; several times.", "--set")
    ] = None,
) -> None:
    """Train under several schedules and budgets, and compare; what is finished is not repeated."""
    from plateau.checks import whole
    from plateau_face.comparison.experiment import load_experiment
    from plateau_face.comparison.results import write_results
    from plateau_face.comparison.running import make_runs
    from plateau_face.progress import Progress

    with clear_errors():
        plan = load_experiment(
            experiment, overrides or (), {"data": data, "val": val}, only_report=report_only
        )
        failed: list[str] = []
        if not report_only:
            with Progress() as progress:
                failed = make_runs(plan, out, whole("jobs", jobs, least=1), progress)
        if len(failed) < len(plan.runs):
            typer.echo(write_results(plan, out), nl=False)
        if failed:
            raise ValueError(f"{len(failed)} of {len(plan.runs)} runs failed: {'; '.join(failed)}")


@app.command(cls=Command)
def embed(
    network: Net,
    source: Annotated[
        Path, typer.Argument(help="Folder of images, or an image.", show_default=False)
    ],
    target: Annotated[Path, typer.Argument(help=".npz file to write.", show_default=False)],
    points: PointsFile = None,
) -> None:
    """Write the embeddings of images: arrays names and embeddings, which have length 1."""
    import numpy as np

    from plateau_face.data.points import image_files, points_of, read_image, read_points
    from plateau_face.embedder import Embedder
    from plateau_face.files import replacing

    with clear_errors():
        check_target(target, ".npz")
        places = None if points is None else read_points(points, source)
        files = image_files(source) if places is None else list(places)
        embedder = Embedder.load(network)
        found = [
            embedder(
                [read_image(file) for file in some],
                None if places is None else [points_of(file, places) for file in some],
            )
            for some in batched(files, 256)
        ]
        names = [str(file.relative_to(source)) if file != source else file.name for file in files]
        with replacing(target) as stream:
            np.savez(stream, names=names, embeddings=np.concatenate(found))
    typer.echo(f"{target}: {len(files)} embeddings of {found[0].shape[1]} numbers")


@app.command(cls=Command)
def match(
    network: Net,
    one: Annotated[Path, typer.Argument(help="Image.", show_default=False)],
    other: Annotated[Path, typer.Argument(help="Image.", show_default=False)],
    points: PointsFile = None,
) -> None:
    """Say how alike two faces are: the cosine of their embeddings, at most 1."""
    from plateau_face.data.points import points_of, read_image, read_points
    from plateau_face.embedder import Embedder

    with clear_errors():
        places = None if points is None else read_points(points, Path())
        a, b = Embedder.load(network)(
            [read_image(path) for path in (one, other)],
            None if places is None else [points_of(path, places) for path in (one, other)],
        )
    typer.echo(f"cosine {float(a @ b):.4f}")


@app.command(cls=Command)
def align(
    source: Annotated[Path, typer.Argument(help="Folder of images.", show_default=False)],
    target: Annotated[Path, typer.Argument(help="Folder to write.", show_default=False)],
    points: Annotated[Path, option("File with five points of each face.", "--points")],
) -> None:
    """Cut faces out of images: 112 × 112 pixels with eyes, nose and mouth in their places."""
    from PIL import Image

    from plateau_face.data.align import aligned
    from plateau_face.data.points import read_image, read_points
    from plateau_face.progress import Progress

    with clear_errors(), Progress() as progress:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise ValueError(f"{target} is there already, and not an empty folder")
        places = read_points(points, source)
        progress.start(0, len(places))
        for done, (file, five) in enumerate(places.items(), start=1):
            cut = target / file.relative_to(source).with_suffix(".png")
            if cut.exists():
                raise ValueError(f"{file}: {cut} is that of another image")
            face = aligned(read_image(file), five)
            cut.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(face).save(cut)
            progress.advance(done)
    typer.echo(f"{target}: {len(places)} faces")


@app.command(cls=Command)
def pack(
    source: Source,
    target: Annotated[Path, typer.Argument(help="File to write.", show_default=False)],
    identities: Annotated[
        Path | None, option("File with the identities of a folder to take.", "--identities")
    ] = None,
    size: Annotated[
        int | None, option("Decode, and resize to this side; else files as they are.", "--size")
    ] = None,
) -> None:
    """Write a set into one file that is mapped into memory for training."""
    from plateau.checks import whole
    from plateau_face.data.packed import pack as write
    from plateau_face.progress import Progress
    from plateau_face.sources import open_faces

    with clear_errors(), Progress() as progress:
        check_target(target)
        side = None if size is None else whole("size", size, least=1)
        faces = open_faces(source, identities)
        progress.start(0, len(faces.labels))
        write(faces, target, side, progress.advance)
    typer.echo(f"{target}: {len(faces.labels)} images of {faces.classes} identities")


@app.command(cls=Command)
def export(
    run: Run,
    target: Annotated[
        Path, typer.Argument(help=".onnx or .pth file to write.", show_default=False)
    ],
    terms: Annotated[str | None, option("Terms of the training data, for the card.")] = None,
) -> None:
    """Write the network of a run, with a card beside it.

    As ONNX, checked against torch; or as .pth, weights under the names of insightface or AdaFace.
    """
    with clear_errors():
        check_target(target, ".onnx", ".pth")
        if target.suffix.lower() == ".pth":
            from plateau_face.card import export_weights

            whose, card = export_weights(run, target, terms)
            typer.echo(f"{target}: weights under {whose}'s names; card {card}")
            return
        from plateau_face.export import export as write

        written = write(run, target, terms)
    typer.echo(f"{target}: within {written.deviation:.0e} of torch; card {written.card}")


@app.command(cls=Command)
def info(
    source: Annotated[
        Path, typer.Argument(help="A set of faces, or the folder of a run.", show_default=False)
    ],
    plot: Plot = None,
) -> None:
    """Say what a set or a run is made of."""
    from plateau_face.checkpoint import CHECKPOINT, fitting, load_checkpoint
    from plateau_face.describe import describe_faces, describe_run
    from plateau_face.log import LOG
    from plateau_face.sources import open_faces

    with clear_errors():
        check_picture(plot)
        if (source / CHECKPOINT).is_file():
            with fitting(source):
                lines = list(describe_run(load_checkpoint(source)))
            if plot is not None:
                from plateau_face.plots import plot_run

                plot_run(source / LOG, plot)
                typer.echo(f"picture {plot}")
        elif plot is not None:
            raise ValueError(f"{source} has no run to draw")
        else:
            lines = list(describe_faces(open_faces(source)))
        for line in lines:
            typer.echo(printable(line))


def check_picture(plot: Path | None) -> None:
    """Refuse a picture that could not be written, before the work."""
    if plot is not None:
        check_target(plot, ".png", ".svg")


def check_target(path: Path, *endings: str) -> None:
    """Refuse a file that could not be written, before the work."""
    if endings and path.suffix.lower() not in endings:
        raise ValueError(f"{path}: the name must end in {' or '.join(endings)}")
    if not path.parent.is_dir():
        raise ValueError(f"{path}: there is no folder {path.parent}")


def draw(curves: "Mapping[str, tuple[Floats, Floats]]", plot: Path | None) -> None:
    """Draw the curves of a verification, if a picture is wanted."""
    if plot is not None:
        from plateau_face.plots import plot_roc

        plot_roc(curves, plot)
        typer.echo(f"picture {plot}")


def batched(files: Sequence[Path], most: int) -> Iterator[list[Path]]:
    """Yield the files, at most so many at a time."""
    rest = iter(files)
    while some := list(islice(rest, most)):
        yield some


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn what went wrong into one line."""
    from plateau_face.checkpoint import DivergedError

    try:
        yield
    except BrokenPipeError:  # the reader of standard output has gone: no error to tell
        raise
    except (ValueError, TypeError, OSError, DivergedError) as error:
        raise typer.TyperException(reason(error)) from None
    except MemoryError as error:
        raise typer.TyperException(str(error) or "not enough memory") from None


def main() -> None:
    """Run the command line.

    Exit 0 done, 2 bad usage or input, 70 a bug of ours, 130 interrupted.
    """
    with standard_streams():
        sys.exit(exit_code("plateau-face", _start))


def _start() -> int | None:
    command = typer.main.get_command(app)
    try:
        code: int | None = command.main(prog_name="plateau-face", standalone_mode=False)
    except ModuleNotFoundError as error:
        extra = "export" if (error.name or "").startswith("onnx") else "face"
        raise typer.TyperException(f"{error}: install plateau-detect[{extra}]") from None
    return code
