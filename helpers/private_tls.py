"""A certificate for this moment only: the two ends of a TLS connection between own programs.

    server_side, client_side = tls_pair("server.test")
    conn = server_side.wrap_socket(conn, server_side=True)
    client = client_side.wrap_socket(client, server_hostname="server.test")

The certificate authority is made now and forgotten with the contexts; nobody else trusts it.
"""

from __future__ import annotations

import ssl


def tls_pair(
    name: str, version: ssl.TLSVersion | None = None
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's context, of which the second trusts the first.

    Parameters
    ----------
    name : str
        The host name, or the IP address, that the certificate is for.
    version : ssl.TLSVersion, optional
        The only version that the client speaks; by default, the best that both know.
    """
    import trustme

    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(server_side)
    client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client_side)
    if version is not None:
        client_side.minimum_version = client_side.maximum_version = version
    return server_side, client_side
