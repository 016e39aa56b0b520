# Completion of meshchatctl for fish. For this shell alone: meshchatctl completions fish | source
function __meshchatctl_complete
    set -l before (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    COMPLETE=fish meshchatctl -- $before "$current" 2>/dev/null
end
complete --command meshchatctl --no-files --keep-order --arguments '(__meshchatctl_complete)'
