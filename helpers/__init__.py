"""The helpers of the course: what a notebook imports, from the ground up.

    machine      what this machine allows
    servers      your handler, as a server on background threads
    link         a late, slow or lossy link in user space
    recordings   packets of another machine, where none can be captured here
    capture      the packets of a block of code, from the best source allowed
    network      private hosts with real kernel TCP, joined by wires that are Python
    experiments  what needs a private network: run here, or played from a recording
    measure      latency and throughput
    figures      measurements as pictures
    byte_maps    a packet, field by field and byte by byte
    byte_axis    a stream, and where it was cut
    ladders      a conversation, packet by packet, down the time
    calls        the socket calls of a block, for the margin of a ladder
    kernel_state what the kernel says of a connection: its state, its queues, its windows
    charts       a connection over time
    practice     predictions, exercises, hints, progress

Each module imports only from those above it, and from the small ones they are built of.
Nothing heavy is imported here: scapy, matplotlib and the widgets come when first used.
"""

from .byte_axis import byte_axis
from .byte_maps import byte_map
from .call_by_call import call_by_call
from .calibrations import calibration_figure
from .calls import record_calls
from .capture import capture
from .charts import time_sequence, window_chart
from .comparisons import side_by_side
from .experiments import explore, recorded
from .figures import latency_figure, new_figure, picture_of, throughput_figure
from .host_states import sample_host_states
from .kernel_samples import sample_queues, sample_states
from .kernel_state import sample, tcp_info, tcp_states
from .ladders import Call, ladder
from .layer_bars import layer_bar, layer_sizes
from .link import Link
from .machine import this_machine
from .measure import latency, throughput
from .network import Network
from .practice import check, hint, solution
from .predictions import predict
from .progress_file import progress
from .reconstruction import reconstruct
from .sample_charts import state_strip, where_are_my_bytes
from .servers import discard, echo, serve_asyncio, serve_tcp, serve_udp, serve_unix

__all__ = [
    "Call",
    "Link",
    "Network",
    "byte_axis",
    "byte_map",
    "call_by_call",
    "calibration_figure",
    "capture",
    "check",
    "discard",
    "echo",
    "explore",
    "hint",
    "ladder",
    "latency",
    "latency_figure",
    "layer_bar",
    "layer_sizes",
    "new_figure",
    "picture_of",
    "predict",
    "progress",
    "reconstruct",
    "record_calls",
    "recorded",
    "sample",
    "sample_host_states",
    "sample_queues",
    "sample_states",
    "serve_asyncio",
    "serve_tcp",
    "serve_udp",
    "serve_unix",
    "side_by_side",
    "solution",
    "state_strip",
    "tcp_info",
    "tcp_states",
    "this_machine",
    "throughput",
    "throughput_figure",
    "time_sequence",
    "where_are_my_bytes",
    "window_chart",
]
