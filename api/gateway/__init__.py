"""The command side: checks what needs no state, puts one command on Kafka, answers 202. It has no database."""
