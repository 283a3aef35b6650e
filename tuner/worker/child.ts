/** Entry of the child process of a worker. */
import { openDevice } from '../../runtime/index.js';
import { holdClocks } from '../../runtime/steady-clocks.js';
import { serve } from './serve.js';

serve(async (which) => {
  const device = await openDevice(which);
  // Long before anything is timed, and as long as the process lives.
  void holdClocks(device);
  return device;
});
