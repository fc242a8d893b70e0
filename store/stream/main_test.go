package stream

import (
	"testing"

	"github.com/ordinaut/ordinaut/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }
