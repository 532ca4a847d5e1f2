"""Exits with 0 when Vulkan offers at least one device, and else with 1 and the reason. Needs nothing but Python.

Driver manifests prove little: a machine can have a vendor's manifest and no such GPU.
"""

import ctypes
import sys


class InstanceCreateInfo(ctypes.Structure):
    """VkInstanceCreateInfo."""

    _fields_ = [
        ("sType", ctypes.c_int32),
        ("pNext", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("pApplicationInfo", ctypes.c_void_p),
        ("enabledLayerCount", ctypes.c_uint32),
        ("ppEnabledLayerNames", ctypes.c_void_p),
        ("enabledExtensionCount", ctypes.c_uint32),
        ("ppEnabledExtensionNames", ctypes.c_void_p),
    ]


def main() -> str | None:
    """The reason why there is no device, or None."""
    try:
        vulkan = ctypes.CDLL("libvulkan.so.1")
    except OSError:
        return "no Vulkan loader (libvulkan.so.1)"
    instance = ctypes.c_void_p()
    # sType 1 is VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO.
    if result := vulkan.vkCreateInstance(ctypes.byref(InstanceCreateInfo(sType=1)), None, ctypes.byref(instance)):
        return f"no Vulkan driver (vkCreateInstance gave {result})"
    count = ctypes.c_uint32()
    result = vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    vulkan.vkDestroyInstance(instance, None)
    return None if result == 0 and count.value else f"no Vulkan device (vkEnumeratePhysicalDevices gave {result})"


if __name__ == "__main__":
    sys.exit(main())
