import lightning as L
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader

from packsight.data.datamodule import Batch
from packsight.errors import UserError
from packsight.models.network import build_network
from packsight.models.weights import network_state, read_checkpoint
from packsight.pipeline.parts import part
from packsight.training.callbacks import History
from packsight.training.classifier import Classifier, _of_each


def bright_or_dark(size: int) -> list[Batch]:
    """Damaged images are bright, intact ones dark."""
    generator = torch.Generator().manual_seed(0)
    images = []
    for index in range(size):
        label = index % 2
        noise = torch.randint(0, 60, (3, 32, 32), generator=generator)
        images.append(Batch((noise + 150 * label).to(torch.uint8), torch.tensor(label)))
    return images


@pytest.fixture
def fit(config, tmp_path):
    def run(*overrides: str, epochs: int = 4, **options):
        torch.manual_seed(0)
        cfg = config("train", *overrides)
        network = build_network("resnet10t", (32, 32))
        classifier = part(cfg, "classifier")(network=network, config={"seed": 0})
        assert isinstance(classifier, Classifier)
        before = {key: value.clone() for key, value in network.state_dict().items()}
        trainer = L.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            logger=False,
            callbacks=[History(tmp_path / "history.csv")],
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=tmp_path,
            log_every_n_steps=1,
            **options,
        )
        images = DataLoader(bright_or_dark(16), batch_size=8)
        trainer.fit(classifier, images, DataLoader(bright_or_dark(8), batch_size=8))
        return trainer, network, before

    return run


def test_it_learns_and_every_epoch_is_in_the_history(fit, tmp_path):
    fit("finetune=scratch", epochs=6)
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["epoch"].tolist() == list(range(6))
    assert history["train/loss"].iloc[-1] < history["train/loss"].iloc[0] / 2
    assert history["val/auroc"].iloc[-1] == 1.0
    names = {
        "loss", "accuracy", "auroc", "average_precision", "f1", "precision_damaged",
        "recall_damaged", "precision_intact", "recall_intact",
    }  # fmt: skip
    expected = {f"{part}/{name}" for part in ("train", "val") for name in names}
    assert expected | {"epoch", "lr"} <= set(history.columns)
    assert history.notna().all(axis=None)


def test_a_probe_moves_the_head_alone(fit):
    _, network, before = fit("finetune=probe", epochs=1)
    changed = {key for key, value in network.state_dict().items() if (value != before[key]).any()}
    assert changed == {"backbone.fc.weight", "backbone.fc.bias"}


def test_kept_stages_stay_as_they_were_over_epochs_with_validation_between(fit):
    _, network, before = fit("finetune=partial", epochs=2)
    changed = {key for key, value in network.state_dict().items() if (value != before[key]).any()}
    kept = ("backbone.conv1", "backbone.bn1", "backbone.layer1")
    assert not [key for key in changed if key.startswith(kept)]
    assert {"backbone.fc.weight", "backbone.layer4.0.bn1.running_mean"} <= changed


def test_a_checkpoint_can_be_read_without_running_code(fit, tmp_path):
    trainer, network, _ = fit("finetune=full", epochs=1)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    assert checkpoint["config"] == {"seed": 0}
    state = network_state(checkpoint)
    assert all(torch.equal(state[key], value) for key, value in network.state_dict().items())


def test_gradients_are_clipped_whatever_form_the_optimiser_has(fit):
    """Lightning's own clipping refuses a fused optimiser under bf16."""
    small = ["finetune=full", "optimizer=sgd", "optimizer.momentum=0", "optimizer.nesterov=false"]
    moved = {}
    for clip in (1e-6, None):
        _, network, before = fit(
            *small,
            "+optimizer.fused=true",
            epochs=1,
            precision="bf16-mixed",
            gradient_clip_val=clip,
        )
        weight = "backbone.fc.weight"
        moved[clip] = (network.state_dict()[weight] - before[weight]).abs().max()
    assert moved[None] > 1e-4
    assert moved[1e-6] < 1e-4


def test_a_loss_is_weighed_by_its_images_and_one_that_is_no_number_ends_the_training(fit):
    classifier = fit("finetune=full", epochs=1)[0].lightning_module
    mean = classifier.train_loss
    mean.reset()
    for loss, size in ((1.0, 2), (4.0, 1)):
        batch = Batch(torch.zeros(size, 3, 32, 32), torch.zeros(size))
        mean.update(_of_each(torch.tensor(loss), batch))
    assert classifier._finite("training", mean) == 2
    mean.update(torch.tensor([torch.nan]))
    with pytest.raises(UserError, match=r"optimizer\.lr"):
        classifier._finite("training", mean)
