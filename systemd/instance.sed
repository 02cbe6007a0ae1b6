# Makes h5inbox@.service of h5inbox.service: `make units`.
1i\
# One of several agents as a system service: h5inbox@NAME takes its configuration from /etc/h5inbox/NAME.toml, which names\
# folders, a ledger (`ledger.url`) and a port (`status.listen`) of its own. Made of h5inbox.service by `make units`; that one\
# says why things are as they are.\

/^#/d
s/^Description=h5inbox:/Description=h5inbox %i:/
s|/etc/h5inbox/config\.toml|/etc/h5inbox/%i.toml|
# Its own, because systemd removes it when this one stops.
s|^RuntimeDirectory=h5inbox$|&/%i|
