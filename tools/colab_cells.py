# %% [markdown] tags=["colab"]
# ### Set-up in Colab
#
# The next six cells make this Colab machine ready. Run them from top to bottom. Running them again does no harm, and
# anywhere but in Colab they change nothing. Drive is asked for in cell 3; without it the lesson draws portraits of its
# own and keeps nothing.

# %% tags=["colab"]
# 1 · The runtime. Training wants a GPU: menu Runtime > Change runtime type > T4 GPU, then begin here again.
import os
import shutil
from pathlib import Path

IN_COLAB = "COLAB_RELEASE_TAG" in os.environ
GPU = shutil.which("nvidia-smi") is not None
print("GPU found." if GPU else "No GPU: the lesson takes its small settings, and training is slow.")

# %% tags=["colab"]
# 2 · The course, at a fixed version. --no-deps: Colab's own TensorFlow and NumPy stay as they are.
REPOSITORY, TAG = "{{repository}}", "{{tag}}"
URL = f"https://github.com/{REPOSITORY}"
if IN_COLAB:
    # %cd -q /content
    # !test -d {{folder}} || git -c advice.detachedHead=false clone -q --depth 1 -b {TAG} {URL} {{folder}}
    assert Path("{{folder}}").is_dir(), f"Could not clone {REPOSITORY} at {TAG}: is the name right?"
    # %cd -q {{folder}}
    # !pip install --quiet --no-deps -e .
    # !pip install --quiet {{missing}}
    from fakeface_utils.lessons import colab

    colab.check_runtime()

# %% tags=["colab"]
# 3 · Your Drive: Google asks your permission. The course reads and writes in this one folder of it.
DRIVE = Path("/content/drive/MyDrive/fakeface")
if IN_COLAB and not DRIVE.parent.is_dir():
    try:
        from google.colab import drive

        drive.mount("/content/drive")
    except Exception as error:  # refused, or nobody there to ask
        print(f"No Drive ({error}); going on without it.")
ON_DRIVE = IN_COLAB and DRIVE.parent.is_dir()

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
if ON_DRIVE:
    os.environ["FAKEFACE_RUNS"] = str(colab.keep_runs(DRIVE))
    os.environ["FAKEFACE_CACHE"] = "/content/cache"
