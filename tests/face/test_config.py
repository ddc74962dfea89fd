import pytest

from plateau_face.config import Config, load_config


def test_configurations(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text(
        'data = "d"\nlr = 1\nmilestones = [0.1, 0.2]\nmargin_options = {margin = 0.3}\n'
    )
    config = load_config(file, ["model=r18", "val=a.bin", "lr=0.5"], {"lr": 0.2, "epochs": None})
    assert (config.data, config.lr, config.model, config.val) == (("d",), 0.2, "r18", ("a.bin",))
    assert config.milestones == (0.1, 0.2)
    assert config.margin_options == {"margin": 0.3}
    assert config.epochs == Config(data=("d",)).epochs


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("batchsize=3", "there is no 'batchsize' in a configuration, but batch"),
        ("x=3", "there is no 'x' in a configuration, but data, identities, least_images, "),
        ("batch=many", "batch must be a whole number, not 'many'"),
        ("batch=true", "batch must be a whole number, not True"),
        ("batch=0", "batch must be at least 1, not 0"),
        ("lr=-1", "lr must be above 0, not -1"),
        ("compile=1", "compile must be true or false, not 1"),
        ("model=r51", "model must be one of r18, "),
        ("batch", "'batch' is not name=value"),
        ("accumulate=5", "accumulate=5 does not divide batch=64"),
        ("synthetic=true", "give data, or synthetic, and not both"),
        ("sample_rate=2.0", "sample_rate must be at most 1, not 2.0"),
        ("finish=1.5", "finish must be at most 1, not 1.5"),
        ("dropout=-0.1", "dropout must be at least 0, not -0.1"),
        ("margin_options=3", "margin_options must be a table, not 3"),
        ("margin_options={m=1}", "margin_options of cosface: there is no 'm', only margin"),
        ("margin_options={scale=1}", "margin_options of cosface: there is no 'scale', only margin"),
        ("margin_options={margin='big'}", "margin_options.margin must be a number, not 'big'"),
        ("margin_options={margin=nan}", "margin_options.margin must be finite, not nan"),
        ("momentum=1.0", "momentum must be below 1, not 1.0"),
        ("horizon=1.5", "horizon must be at most 1, not 1.5"),
        ("milestones=[0.5, 1.5]", "milestones must rise between 0 and 1, not 0.5, 1.5"),
        ("milestones=[0.5, 0.5]", "milestones must rise between 0 and 1, not 0.5, 0.5"),
        ("milestones=[nan]", "milestones must be finite, not nan"),
        ("synthetic_val_pairs=9", "synthetic_val_pairs must be at least 10, not 9"),
    ],
)
def test_configurations_that_will_not_do(override, message):
    with pytest.raises((ValueError, TypeError)) as error:
        load_config(None, [override], {"data": "d"})
    assert str(error.value).startswith(message)


def test_of_two_values_the_last_does_not_win_in_silence():
    with pytest.raises(ValueError, match="lr takes one value and is set twice"):
        load_config(None, ["lr=0.1", "batch=8", "lr = 0.2"], {"data": "d"})


def test_switches_of_a_margin_are_no_numbers():
    options = {"on_angle": False, "margin": 0.35}
    assert Config(data=("d",), margin="elasticface", margin_options=options)
    with pytest.raises(TypeError, match=r"margin_options\.plus must be true or false, not 1"):
        Config(data=("d",), margin="elasticface", margin_options={"plus": 1})


def test_a_file_that_is_no_toml(tmp_path):
    (tmp_path / "c.toml").write_bytes('terms = "für"'.encode("latin-1"))
    with pytest.raises(ValueError, match=r"c\.toml: not a text in UTF-8"):
        load_config(tmp_path / "c.toml", [], {})
    (tmp_path / "c.toml").write_text("lr = = 3")
    with pytest.raises(ValueError, match=r"c\.toml: Invalid value"):
        load_config(tmp_path / "c.toml", [], {})
