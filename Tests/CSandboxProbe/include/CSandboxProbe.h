/* What a confined process must not be able to do, each attempted for the test. */
#ifndef VRBRIDGE_SANDBOX_PROBE_H
#define VRBRIDGE_SANDBOX_PROBE_H

/* Makes the index-th attempt and gives its name; 0 when it succeeded, the errno value when it was refused, −1 behind the
 * last. Attempts that the list of calls for libraries permits are made with computes_only alone. */
int probe_attempt(int index, int computes_only, const char **name);

#endif
