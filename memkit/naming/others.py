"""Words that often begin sentences in further languages; a language is one more line here."""

from __future__ import annotations

#: Never a name where they begin a sentence.
INITIAL = frozenset(
    " ".join(
        (
            # French
            "je tu il elle nous vous ils elles le la les un une des ce cette ces mais et ou donc"
            " dans pour avec sans sur quand comme si oui non bonjour merci mon ma mes son sa ses"
            " hier aujourd demain après avant chez est voici voilà très tout tous",
            # Spanish
            "yo él ella nosotros ellos ellas usted el los las una unos pero y o en para con sin"
            " cuando como sí hola gracias mi mis su sus ayer hoy mañana después antes es está hay"
            " todo todos muy este esta",
            # Italian
            "io lui lei noi voi loro lo gli uno ma e nel nella per quando come ciao grazie mio"
            " mia suo sua ieri oggi domani dopo prima è questo questa tutto tutti",
            # Portuguese
            "eu ele ela nós eles elas o a os as um uma mas em com quando não sim olá obrigado"
            " meu minha seu sua ontem hoje amanhã depois antes está este isto",
            # Dutch
            "ik jij je hij zij wij we jullie de het een maar en of in voor met zonder op toen als"
            " ja nee hallo dank mijn zijn haar gisteren vandaag morgen dit dat deze er",
            # Polish
            "ja ty on ona ono my wy oni one ale i lub w na z dla gdy jak tak nie cześć dziękuję"
            " mój moja jego jej wczoraj dziś jutro to jest",
            # Russian
            "я ты он она оно мы вы они но и или в на с для когда как да нет привет спасибо мой моя"
            " его её вчера сегодня завтра это есть если что кто где у по",
            # Ukrainian
            "я ти він вона воно ми ви вони але і або в на з для коли як так ні привіт дякую мій це",
            # Greek
            "εγώ εσύ αυτός αυτή εμείς εσείς αυτοί ο η το οι τα και αλλά σε με για όταν όπως ναι όχι"
            " γεια ευχαριστώ χθες σήμερα αύριο είναι",
            # Swedish, Danish, Norwegian
            "jag du han hon vi ni jeg hun de den det en ett et men och og eller i på med för for"
            " när når hej tack tak igår idag i morgon är er",
        )
    ).split()
)
