# %% [markdown] tags=["colab"]
# ### Set-up in Colab
#
# The next four cells make this Colab machine ready. Run them once, from top to bottom. Running them again does
# no harm, and anywhere but in Colab they change nothing.

# %% tags=["colab"]
# 1 · The runtime. Training wants a GPU: menu Runtime > Change runtime type > T4 GPU, then begin here again.
import os
import shutil
from pathlib import Path

IN_COLAB = "COLAB_RELEASE_TAG" in os.environ
print("GPU found." if shutil.which("nvidia-smi") else "No GPU: the lesson will take its small settings.")

# %% tags=["colab"]
# 2 · The course, at a fixed version. --no-deps: Colab's own TensorFlow and NumPy stay as they are.
REPOSITORY, TAG = "{{repository}}", "{{tag}}"
if IN_COLAB:
    # %cd -q /content
    # !test -d {{folder}} || git clone -q --depth 1 --branch {TAG} https://github.com/{REPOSITORY} {{folder}}
    assert Path("{{folder}}").is_dir(), f"Could not clone {REPOSITORY} at {TAG}: is the name right?"
    # %cd -q {{folder}}
    # !pip install --quiet --no-deps -e .
    # !pip install --quiet {{missing}}

# %% tags=["colab"]
# 3 · Your Drive, read-only, for the data. Without it the lesson draws portraits of its own.
if IN_COLAB and not Path("/content/drive/MyDrive").exists():
    try:
        from google.colab import drive

        drive.mount("/content/drive", readonly=True)
    except Exception as error:  # refused, or nobody there to ask
        print(f"No Drive ({error}); going on without it.")

# %% tags=["colab"]
# 4 · One zip is copied from Drive and unpacked here: thousands of small files over the mount are slow.
DRIVE_ZIP = "/content/drive/MyDrive/fakeface/140k-real-and-fake-faces.zip"  # where you put it
if IN_COLAB:
    from fakeface_utils.lessons import setup

    setup.colab_check()
    setup.colab_data(DRIVE_ZIP)
