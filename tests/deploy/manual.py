def check_manual(binary):
    pass
