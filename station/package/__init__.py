"""Court packages (电子证据包): what leaves the station so that anybody can check it without the station."""
