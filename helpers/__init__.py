"""The helpers of the course: what a notebook imports, from the ground up.

The ground: these import nothing of the course
    linux, kernel_state          socket options; what the kernel says of a connection
    file_limit, memory_limit     how many connections, how much memory
    plain_errors, tracebacks     refusals in a sentence; a traceback without our own lines
    undisturbed, lifetimes       what no interrupt may cut; what runs in the background
    own_folders, progress_bars   a folder that does not outlive us; how far something is
    open_sockets                 the sockets that this process has
    units, work                  figures as people write them; work for a processor
    coroutines, shipping         a coroutine run to its end; a function for another Python
    sandbox, detours             a learner's code, kept apart; socket calls, watched
    pictures, panels, page_styles  HTML that describes itself; verdicts; pages
    field_names, tls_names       words for the numbers in packets and records
    tls_keys, private_tls        from a key log to the keys; a certificate for now
    rewriting, topology          a packet as a router changes it; who needs which address
    codel, wire_records          a queue that drops early; what a wire writes down
    tunnels, catalogues          bytes carried both ways; translated messages
    own_server, selector_server  a server that you wrote whole; one to compare with
    fake_streams                 connections whose pieces are chosen
    server_process, load_process, chat_load_process  what runs in a process of its own

Tools made of these
    drawing, findings            pieces of SVG; what a check finds, and its smallest case
    machine, measure             what this machine allows; latency and throughput
    figures                      measurements as pictures, in the style of all plots
    packets                      a packet, and how we came to see it
    fields, segments             where every field lies; conversations, counted from zero
    plain_values, recordings     results as JSON; packets of another machine
    kernel_samples               both ends of a connection, watched while it runs
    child_process, server_threads  a Python that takes orders; threads, and their end

Servers and their clients
    asyncio_server, servers      your handler, as a server on background threads
    loop_servers, process_server  your event loop; your server, in a process of its own
    library_servers              http.server, aiosmtpd, pyftpdlib, Tornado, Twisted
    visitors                     clients while a service is replaced, or held up
    load, climbs                 many clients, in an open loop; ever more of them

Wires, hosts and captures
    wire, nat                    loss, a queue, a rate, a delay; one address for many
    link_relays, network_wires, link  a late, slow or lossy link in user space
    raw_capture, own_frames, capture  the packets of a block, from the best source allowed
    namespaces, namespace_process, network  hosts with real kernel TCP, wires in Python
    routers, host_states         a router that is your function; TCP states of two hosts
    experiments                  what needs such hosts: run here, or played
    datagrams, icmp_errors       what UDP loses; errors, from a socket's error queue
    eyeballs, flows, quic        dead addresses; connections that send all they can

Pictures of packets
    packet_lists, byte_maps      a capture as a table; a packet, byte by byte
    layer_bars, comparisons      how much is header; what was changed on the way
    reconstruction               what was not seen, but must have been there
    ladder_words, ladders, dialogues  a conversation, packet by packet, down the time
    calls, socket_pictures, call_by_call  the calls beside it; both ends at one moment
    charts, sample_charts        a connection over time; where its bytes are
    byte_axis                    a stream, and where it was cut
    tls_fields, tls_conversations, tls_attempts  TLS, record by record: done, or refused

Pictures of measurements
    ways, distances, storms      carrying bytes; far cities; clients that try again
    services, timelines, climb_figures, flow_figures  libraries, waiting, climbs, windows
    silences, live_strips        a cut wire; numbers, drawn while they come

Learning
    story_ladders                the story of a failed check
    exercises, progress_file     one module each; what a learner has done
    practice, predictions, calibrations  checks and hints; guesses, and how good they are
    arq, arq_checks, arq_figures  reliable transfer: protocols, their checks, their graphs
    exhibits                     failures caused on purpose, with their packets
    chat_trials, chat_behaviours, chat_judge  what a chat service must do, on any version
    chat_service, chat_clients, chat_load  notebook 15's, finished; one member; hundreds

What authors and teachers run
    record, grading              captures made anew; points for nbgrader
    pages, slides                the course as pages; a notebook as slides

Each module imports only from those above it, or before it in its line. A test keeps it so.
Name a new module here. What most notebooks use is also imported below, and in `__all__`; the
rest a notebook imports by its module: `from helpers.nat import Nat`.
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
