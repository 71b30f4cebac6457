"""The helpers of the course: what a notebook imports, from the ground up.

    machine      what this machine allows
    servers      your handler, as a server on background threads
    loop_servers your own event loop, as a server on a background thread
    link         a late, slow or lossy link in user space
    recordings   packets of another machine, where none can be captured here
    capture      the packets of a block of code, from the best source allowed
    network      private hosts with real kernel TCP, joined by wires that are Python
    experiments  what needs a private network: run here, or played from a recording
    exhibits     failures caused on purpose, with their packets
    visitors     clients while a service is replaced, or held up
    measure      latency and throughput
    own_server   a server that you wrote whole, from accept() on
    process_server your server, in a process of its own
    library_servers servers of libraries: http.server, aiosmtpd, pyftpdlib, Tornado, Twisted
    load         many clients for a server, in an open loop
    climbs       one server with ever more connections, and what that costs
    timelines    who waits for what, a row for each client
    figures      measurements as pictures
    silences     a cut wire: what is still sent, and when a program is told
    storms       many clients that try again, simulated
    ways         many ways of carrying bytes, a row for each
    services     one service made with several libraries, and what each costs
    byte_maps    a packet, field by field and byte by byte
    byte_axis    a stream, and where it was cut
    ladders      a conversation, packet by packet, down the time
    dialogues    what two programs said, over one connection or several
    calls        the socket calls of a block, for the margin of a ladder
    kernel_state what the kernel says of a connection: its state, its queues, its windows
    datagrams    what UDP loses, and how much gets through
    icmp_errors  ICMP errors, from a socket's error queue
    eyeballs     a name with many addresses, some of which never answer
    charts       a connection over time
    tls_attempts TLS connections in memory, record by record: done, or refused on purpose
    practice     predictions, exercises, hints, progress
    live_strips  numbers of a service, drawn while they come
    chat_load    hundreds of members for a chat service, from another process
    chat_service the chat service of notebook 15, finished
    chat_judge   a chat service's behaviours, tried on any version of it

Each module imports only from those above it, and from the small ones they are built of.
Nothing heavy is imported here: scapy, matplotlib and the widgets come when first used.
"""

from .byte_axis import byte_axis
from .byte_maps import byte_map
from .calibrations import calibration_figure
from .call_by_call import call_by_call
from .calls import record_calls
from .capture import capture
from .charts import time_sequence, window_chart
from .climb_figures import climb_figure
from .climbs import climb
from .comparisons import side_by_side
from .coroutines import finished
from .datagrams import datagram_throughput, udp_drops
from .exhibits import Museum
from .experiments import explore, recorded
from .eyeballs import dead_addresses, one_name
from .figures import latency_figure, new_figure, picture_of, throughput_figure
from .file_limit import room_for
from .host_states import sample_host_states
from .icmp_errors import icmp_error, report_errors
from .kernel_samples import sample_queues, sample_states
from .kernel_state import sample, tcp_info, tcp_states
from .ladders import Call, ladder
from .layer_bars import layer_bar, layer_sizes
from .link import Link
from .load import crowd
from .loop_servers import serve_loop
from .machine import this_machine
from .measure import latency, throughput
from .network import Network
from .own_server import own_server
from .practice import check, hint, solution
from .predictions import predict
from .process_server import serve_process
from .progress_file import progress
from .reconstruction import reconstruct
from .sample_charts import state_strip, where_are_my_bytes
from .servers import discard, echo, serve_asyncio, serve_tcp, serve_udp, serve_unix
from .silences import CutOff, silence_figure
from .storms import storm, storm_figure
from .timelines import take_turns, timeline
from .visitors import Service, fifth_client, read_line, visited
from .ways import compare_ways, goodput
from .work import busy

__all__ = [
    "Call",
    "CutOff",
    "Link",
    "Museum",
    "Network",
    "Service",
    "busy",
    "byte_axis",
    "byte_map",
    "calibration_figure",
    "call_by_call",
    "capture",
    "check",
    "climb",
    "climb_figure",
    "compare_ways",
    "crowd",
    "datagram_throughput",
    "dead_addresses",
    "discard",
    "echo",
    "explore",
    "fifth_client",
    "finished",
    "goodput",
    "hint",
    "icmp_error",
    "ladder",
    "latency",
    "latency_figure",
    "layer_bar",
    "layer_sizes",
    "new_figure",
    "one_name",
    "own_server",
    "picture_of",
    "predict",
    "progress",
    "read_line",
    "reconstruct",
    "record_calls",
    "recorded",
    "report_errors",
    "room_for",
    "sample",
    "sample_host_states",
    "sample_queues",
    "sample_states",
    "serve_asyncio",
    "serve_loop",
    "serve_process",
    "serve_tcp",
    "serve_udp",
    "serve_unix",
    "side_by_side",
    "silence_figure",
    "solution",
    "state_strip",
    "storm",
    "storm_figure",
    "take_turns",
    "tcp_info",
    "tcp_states",
    "this_machine",
    "throughput",
    "throughput_figure",
    "time_sequence",
    "timeline",
    "udp_drops",
    "visited",
    "where_are_my_bytes",
    "window_chart",
]
