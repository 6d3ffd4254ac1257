# %% [markdown] tags=["colab"]
# ### Set-up in Colab
#
# The next six cells make this Colab machine ready. Run them from top to bottom. Running them again does no harm, and
# anywhere but in Colab they change nothing. Drive is asked for in cell 3; without it the lesson draws portraits of its
# own and keeps nothing.

# %% tags=["colab"]
# 1 · The runtime. Training wants a GPU: menu Runtime > Change runtime type > T4 GPU, then begin here again.
import os
from pathlib import Path

IN_COLAB = "COLAB_RELEASE_TAG" in os.environ
print("This is Colab." if IN_COLAB else "This is not Colab: the next cells do nothing.")

# %% tags=["colab"]
# 2 · The course, at a fixed version. --no-deps: Colab's own TensorFlow and NumPy stay as they are.
REPOSITORY, TAG = "{{repository}}", "{{tag}}"
URL, FOLDER = f"https://github.com/{REPOSITORY}", f"{{folder}}-{TAG}"
if IN_COLAB:
    # %cd -q /content
    # !test -d {FOLDER} || git -c advice.detachedHead=false clone -q --depth 1 -b {TAG} {URL} {FOLDER}
    assert Path(FOLDER).is_dir(), f"Could not clone {REPOSITORY} at {TAG}: is the name right?"
    # %cd -q {FOLDER}
    # !pip install --quiet --no-deps -e .
    # !pip install --quiet {{missing}}
    from fakeface_utils.lessons import colab

    colab.check_runtime()

# %% tags=["colab"]
# 3 · Your Drive: Google asks your permission. The course reads and writes in this one folder of it.
DRIVE, ON_DRIVE = Path("/content/drive/MyDrive/fakeface"), False
if IN_COLAB:
    try:
        from google.colab import drive

        drive.mount("/content/drive")  # does nothing if it is mounted
        ON_DRIVE = True
    except Exception as error:  # refused, or nobody there to ask
        print(f"No Drive ({error}); going on without it.")

# %% tags=["colab"]
# 4 · Copy the sets as Kaggle's zips from that folder to this disk: thousands of small files on Drive are slow.
zips = colab.copy_zips(DRIVE, "/content") if ON_DRIVE else []

# %% tags=["colab"]
# 5 · Unpack and verify them here. This takes minutes for the whole 140k set, once a machine.
if IN_COLAB:
    colab.unpack(zips)

# %% tags=["colab"]
# 6 · Keep checkpoints and finished experiments on Drive, decoded images on this disk. After a disconnect run all
# cells again: what is finished is loaded, and a training goes on after its last checkpoint.
KEPT = {"FAKEFACE_RUNS": DRIVE / "runs", "FAKEFACE_CACHE": "/content/cache"}
KEPT["FAKEFACE_CHECKPOINT_SECONDS"] = 300  # replaced files fill Drive's bin
for name, value in KEPT.items():
    os.environ.pop(name, None)
    if ON_DRIVE:
        os.environ[name] = str(value)
if ON_DRIVE:
    colab.keep_runs(DRIVE)
