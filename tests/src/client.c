/* A program that is not ours, as an MCP client is: it starts another one, so many times at once, and waits for them.
 *
 *   client TIMES PROGRAM [ARGUMENT…]
 *
 * It ends with the greatest status that it got. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 3) return 64;
    for (int left = atoi(argv[1]); left > 0; left--) {
        if (fork() == 0) {
            execv(argv[2], argv + 2);
            _exit(127);
        }
    }
    int worst = 0, status;
    while (wait(&status) > 0) {
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
        if (code > worst) worst = code;
    }
    return worst;
}
