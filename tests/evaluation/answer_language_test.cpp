#include "evaluation/judges/answer_language.h"

#include <gtest/gtest.h>

#include "evaluation/judges/degeneration.h"
#include "shared_data.h"
#include "text/records.h"

namespace holdfast::evaluation {
namespace {

constexpr const char* kQuestion = "How do I cast on twenty stitches with one ball of wool?";

struct Sample {
  const char *language, *text;
};
// How one casts on, said in each language.
constexpr Sample kSamples[] = {
    {"German",
     "Zuerst nimmt man den Faden in die linke Hand und legt ihn um den Daumen. Dann sticht man mit der Nadel von unten "
     "durch die Schlinge, holt den Faden und zieht ihn nicht zu fest an."},
    {"French",
     "Prenez le fil dans la main gauche et passez-le autour du pouce. Ensuite, il faut piquer avec l'aiguille sous la "
     "boucle, puis tirer le fil sans serrer, comme pour les autres mailles."},
    {"Spanish",
     "Primero se toma el hilo con la mano izquierda y se pasa por el pulgar. Después hay que meter la aguja por debajo "
     "del lazo, sacar el hilo y no apretar demasiado, como en los otros puntos."},
    {"Italian",
     "Per prima cosa si prende il filo con la mano sinistra e si passa intorno al pollice. Poi si infila il ferro "
     "sotto "
     "il cappio, si tira il filo ma non troppo, e così anche per gli altri punti."},
    {"Portuguese",
     "Primeiro, segure o fio com a mão esquerda e passe em volta do polegar. Depois, coloque a agulha por baixo da "
     "laçada, "
     "puxe o fio para cima, mas não muito, e faça o mesmo com os outros pontos."},
    {"Dutch",
     "Neem eerst de draad in je linkerhand en leg hem om de duim. Steek dan met de naald van onder door de lus, haal "
     "de "
     "draad op en trek het niet te strak aan, ook niet bij de andere steken."},
    {"Swedish",
     "Ta först garnet i vänster hand och lägg det om tummen. Sedan sticker du in stickan under öglan, hämtar garnet "
     "och "
     "drar åt, men inte för hårt, och så gör du med alla de andra maskorna."},
    {"Danish",
     "Tag først garnet i venstre hånd og læg det om tommelfingeren. Så stikker du pinden ind under løkken, henter "
     "garnet "
     "og strammer, men ikke for hårdt, og det gør du også med de andre masker."},
    {"Norwegian",
     "Ta først garnet i venstre hånd og legg det rundt tommelen. Så stikker du pinnen inn under løkken, henter garnet "
     "og "
     "strammer, men ikke for hardt, og det gjør du også med de andre maskene."},
    {"Romanian",
     "Mai întâi luați firul în mâna stângă și treceți-l pe după degetul mare. Apoi introduceți andreaua pe sub buclă, "
     "trageți firul, dar nu prea tare, și faceți la fel cu toate ochiurile care sunt."},
    {"Indonesian",
     "Pertama, ambil benang dengan tangan kiri dan lilitkan pada ibu jari. Setelah itu, masukkan jarum dari bawah ke "
     "dalam "
     "simpul, tarik benang tetapi tidak terlalu kencang, dan lakukan ini untuk semua tusukan yang lain."},
};

constexpr const char* kEnglish =
    "First take the yarn in your left hand and put it around your thumb. Then push the needle under the loop from "
    "below, "
    "catch the yarn and pull, but not too hard, and do the same for all the others.";

TEST(AnswerLanguage, AnotherThanTheQuestionsIsFound) {
  for (const Sample& one : kSamples) {
    EXPECT_TRUE(is_other_language(kQuestion, one.text)) << one.language;
    EXPECT_TRUE(is_other_language(one.text, kEnglish)) << one.language;
    EXPECT_FALSE(is_other_language(one.text, one.text)) << one.language;
    EXPECT_EQ(classify_degeneration({{}, one.text, false}, kQuestion), Degeneration::kWrongLanguage) << one.language;
  }
  EXPECT_FALSE(is_other_language(kQuestion, kEnglish));
}

TEST(AnswerLanguage, IsNotJudgedWhereItMayBeMeant) {
  const char* german = kSamples[0].text;
  EXPECT_FALSE(is_other_language("", german));
  EXPECT_FALSE(is_other_language("How do I cast on? Answer in German.", german));
  EXPECT_FALSE(is_other_language("Can you translate this for me and my aunt?", german));
  EXPECT_FALSE(is_other_language("Maschen anschlagen?", german));                         // not clear what it is
  EXPECT_FALSE(is_other_language(kQuestion, "Der Faden und die Nadel, das ist alles."));  // too short to tell
  EXPECT_FALSE(is_other_language(kQuestion, std::string(german) + " " + kEnglish));
  EXPECT_FALSE(is_other_language(kSamples[1].text, german));  // English stands on neither side
}

TEST(AnswerLanguage, FormulasNamesAndLoudnessAreNoLanguage) {
  std::string formula, names, shouting;
  for (int i = 0; i < 30; ++i) {
    formula += "a * b^-1 in H, y_t = \\hat{u}_t + 3 NaNO3(aq); ";
    names += "Van den Berg, Da Costa, De la Cruz, El Greco, Di Lorenzo; ";
    shouting += "DIE DIE DIE ";
  }
  EXPECT_FALSE(is_other_language(kQuestion, formula));
  EXPECT_FALSE(is_other_language(kQuestion, shouting));
  EXPECT_FALSE(is_other_language(kQuestion, "\xFF\xFE\x80 " + std::string(300, 'e')));
  EXPECT_FALSE(is_other_language(kQuestion, std::string(1 << 20, ' ')));
  EXPECT_FALSE(is_other_language(kQuestion, std::string(1 << 20, 'w')));
}

TEST(AnswerLanguage, NoEnglishAnswerOfRealModelsIsTakenForAnother) {
  const auto path = testing::shared_data() / "benchmarks/xstest/safe_prompts_labelled_completions.csv";
  HOLDFAST_NEEDS(path);
  int count = 0;
  for (const auto& record : text::read_records(path)) {
    const std::string prompt = record.value.at("prompt"), answer = record.value.at("completion");
    EXPECT_FALSE(is_other_language(prompt, answer)) << answer;
    ++count;
  }
  EXPECT_EQ(count, 750);
}

}  // namespace
}  // namespace holdfast::evaluation
