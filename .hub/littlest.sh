#!/bin/sh
# The course on The Littlest JupyterHub. Run as root on the hub's machine:
#
#     sudo sh littlest.sh https://github.com/OWNER/REPOSITORY main [hub.example.org]
#
# May be run again: it brings the course up to date. Learners' files are not touched.
set -eu
repository=${1:?the address of the repository} branch=${2:-main} hub=${3:-HUB}
tljh=${TLJH:-/opt/tljh} course=${COURSE:-/opt/course}

# The helpers are installed once, from here. The notebooks come into each home by the link below:
# both from the same branch, so bring both up to date at the same time.
if [ -d "$course/.git" ]; then
    git -C "$course" fetch --depth 1 origin "$branch"
    git -C "$course" reset --hard FETCH_HEAD
else
    git clone --depth 1 --branch "$branch" "$repository" "$course"
fi
chmod -R a+rX "$course"
# `notebook` came with the hub: named here so that it still fits the course's JupyterLab.
(cd "$course" && "$tljh/user/bin/python" -m pip install --no-cache-dir -r requirements.txt notebook)

# A learner's server takes 110 MB, each running notebook 150 to 300: see README.md.
tljh-config set limits.memory 1.5G
tljh-config set limits.cpu 1.0
# A server without a browser is ended after an hour: a lecture must not cost the kernel.
tljh-config set services.cull.timeout 3600
tljh-config set user_environment.default_app jupyterlab

# A /tmp for each learner: it goes when the learner's server does. In it are the Unix sockets of
# the learner's kernels. Otherwise these use ports of the loopback that all share: see README.md.
# The path is short, since the name of a socket has 107 bytes at most (unix(7)).
mkdir -p "$tljh/config/jupyterhub_config.d"
cat > "$tljh/config/jupyterhub_config.d/course.py" << 'END'
c.SystemdSpawner.isolate_tmp = True
c.Spawner.environment.update({"JUPYTER_RUNTIME_DIR": "/tmp/jupyter"})
c.Spawner.args.extend(["--KernelManager.transport=ipc"])
END

# Private networks need user namespaces for ordinary users. Debian allows them. Ubuntu 24.04
# forbids them by AppArmor; what it exposes to allow them is said in README.md.
#
#     echo kernel.apparmor_restrict_unprivileged_userns=0 > /etc/sysctl.d/60-course.conf
#     sysctl --system

tljh-config reload hub

name=$(basename "$repository" .git)
address=$(printf %s "$repository" | sed 's/:/%3A/g; s:/:%2F:g')
echo "The link for learners:"
printf 'https://%s/hub/user-redirect/git-pull?repo=%s&branch=%s&urlpath=%s\n' \
    "$hub" "$address" "$branch" "lab%2Ftree%2F$name%2Fnotebooks%2F00_start_here.ipynb"
