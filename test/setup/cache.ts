/** What somebody tuned on this machine must not decide what tests see. A test that wants a cache names a folder of its own. */
process.env.LAC_TUNING_CACHE = 'off';
