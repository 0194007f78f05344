"""The settings of small trainings on a GPU."""

SMALL = ["model.backbone=resnet10t", "model.weights=none", "finetune=scratch", "crop=none",
         "data.image_size=[64,96]", "data.batch_size=4", "trainer.max_epochs=3", "logger=none",
         "callbacks.progress=null", "optimizer.lr=0.001", "data.source=photos.zip",
         "trainer=gpu"]  # fmt: skip
