"""Cuts the power of one file system, as far as it can tell: from now on nothing reaches its disk any more, neither data
nor journal. What was synced before is there when it is mounted again, all else is gone.

    power_cut.py MOUNT_POINT
"""

import fcntl
import os
import struct
import sys

FS_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2

folder = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
fcntl.ioctl(folder, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
