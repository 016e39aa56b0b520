//! What the help says below the options.

pub(super) const EXAMPLES: &str = "\
Examples:
  meshchatctl connect barn.local       link to the node on barn.local
  meshchatctl send 'good morning'      say something in #lobby
  meshchatctl tail                     the last 20 messages, then what comes
  meshchatctl who                      who is there
  meshchatctl peers status -w          watch the links";

pub(super) const LONG_HELP: &str = "\
Examples:
  meshchatctl connect barn.local       link to the node on barn.local
  meshchatctl send 'good morning'      say something in #lobby
  uptime | meshchatctl send '#ops' -   each line of a program's output to a room
  meshchatctl tail --since 1h --json   messages for a script
  meshchatctl send --wait=all 'fire!'  go on once all nodes hold it
  meshchatctl dm ann@pi-barn 'lunch?'  say something to one person only
  meshchatctl who                      who is there
  meshchatctl peers status -w          watch the links
  meshchatctl doctor                   what is wrong, and the line that fixes it
  meshchatctl wait --peers 1           in a script: go on once a peer is linked
  meshchatctl nodes --format '{name} {state}\\n'
                                       only these fields, in this form
  meshchatctl top                      what goes over the links, and what is dropped
  meshchatctl rollcall ops             who of #ops is there and answers
  meshchatctl status --check           one line for a monitoring system
  meshchatctl bugreport                what helps to find a fault, without names

Environment:
  MESHCHAT_SOCKET   control socket of the daemon, as --socket
  NO_COLOR          no colours unless --color always

Exit codes:
  0   done
  1   another failure; doctor: there is a problem
  2   wrong use of the command line
  3   timed out; rollcall: somebody did not answer
  4   a peer or node could not be reached
  8   the daemon is not running
  10  no such peer, node, room or person
  13  no permission
  status --check ends with 0 to 3, as monitoring plugins do.

The JSON of --json is described in docs/json.md.";
