# Completion of meshchatctl for bash. For this shell alone: source <(meshchatctl completions bash)
_meshchatctl() {
    local before=${COMP_WORDS[COMP_CWORD-1]}
    COMPREPLY=()
    if [[ $before == *[\<\>] ]]; then
        compopt -o default 2>/dev/null
        return
    fi
    mapfile -t COMPREPLY < <(
        COMPLETE=bash meshchatctl -- "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null
    )
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o bashdefault -o nosort -F _meshchatctl meshchatctl
