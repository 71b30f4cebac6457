ATTACKED_SOLUTIONS = {"00-echo-upper","04-server","04-survivor","05-half-close","05-lines","05-framer","05-recv-exactly","08-bound","09-broadcast","15-service","12-server","04-client","13-reason"}
