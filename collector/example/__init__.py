"""An example county: invented schools with weeks of measurements, to learn and to try on."""
