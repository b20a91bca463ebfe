"""The scheduler module on distribution kernels as they are packaged: built by DKMS, booted in qemu with two CPUs."""
